"""Every endpoint described for programs, in OpenAPI 3.1, from the signature of the model that answers."""

from workers.serving.protocols.openapi.document import show_document

__all__ = ["show_document"]
