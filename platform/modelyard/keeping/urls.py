from django.urls import path

from modelyard.keeping import views

app_name = "keeping"
urlpatterns = [
    path("", views.data_page, name="data"),
    path("retention/", views.set_retention, name="set_retention"),
    path("export/", views.start_export, name="start_export"),
    path("export/state/", views.export_state, name="export_state"),
    path("export/file/", views.export_file, name="export_file"),
    path("receipts/<uuid:receipt_id>/", views.show_receipt, name="receipt"),
    path("erase/dataset/<uuid:dataset_id>/", views.erase_dataset, name="erase_dataset"),
    path("erase/model/<uuid:model_id>/", views.erase_model, name="erase_model"),
    path("erase/workspace/", views.erase_workspace, name="erase_workspace"),
    path("erase/person/", views.erase_person, name="erase_person"),
]
