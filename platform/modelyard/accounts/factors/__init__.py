"""Second factors: codes of an app, recovery codes, passkeys. allauth keeps and checks them, the pages are ours."""
