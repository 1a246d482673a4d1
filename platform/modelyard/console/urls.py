from django.urls import path

from modelyard.console.views import audit, overview, people, quotas, work

app_name = "console"
urlpatterns = [
    path("", overview.overview, name="overview"),
    path("people/", people.people, name="people"),
    path("people/<uuid:person_id>/", people.change_person, name="change_person"),
    path("workspaces/", people.workspaces, name="workspaces"),
    path("quotas/", quotas.quotas, name="quotas"),
    path("quotas/<uuid:workspace_id>/<str:kind>/", quotas.change_limit, name="change_limit"),
    path("work/", work.work, name="work"),
    path("work/<uuid:run_id>/cancel/", work.cancel, name="cancel_run"),
    path("work/batches/<uuid:batch_id>/cancel/", work.cancel_file, name="cancel_batch"),
    path("workers/", overview.workers, name="workers"),
    path("audit/", audit.audit, name="audit"),
    path("audit/events.csv", audit.audit_csv, name="audit_csv"),
]
