from django.urls import path

from modelyard.console.views import audit, overview, people, prices, quotas, usage, work

app_name = "console"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("people/", people.people, name="people"),
    path("people/<uuid:person_id>/", people.change_person, name="change_person"),
    path("workspaces/", people.workspaces, name="workspaces"),
    path("quotas/", quotas.quotas, name="quotas"),
    path("quotas/<uuid:workspace_id>/share/", quotas.change_share, name="change_share"),
    path("quotas/<uuid:workspace_id>/<str:kind>/", quotas.change_limit, name="change_limit"),
    path("usage/", usage.usage, name="usage"),
    path("usage/workspaces.csv", usage.usage_csv, name="usage_csv"),
    path("prices/", prices.prices, name="prices"),
    path("prices/withdraw/", prices.withdraw, name="withdraw_prices"),
    path("work/", work.work, name="work"),
    path("work/<uuid:run_id>/cancel/", work.cancel, name="cancel_run"),
    path("work/<uuid:run_id>/priority/", work.prioritise, name="prioritise"),
    path("work/batches/<uuid:batch_id>/cancel/", work.cancel_file, name="cancel_batch"),
    path("workers/", overview.workers, name="workers"),
    path("audit/", audit.audit, name="audit"),
    path("audit/events.csv", audit.audit_csv, name="audit_csv"),
]
