"""MLflow's deployments API, pointed at the predictor as at an MLflow server and as at Databricks."""

import json
import os
import sys

from mlflow.deployments import get_deploy_client
from mlflow.exceptions import MlflowException

given = json.load(sys.stdin)
os.environ["MLFLOW_TRACKING_TOKEN"] = os.environ["DATABRICKS_TOKEN"] = given["key"]
os.environ["DATABRICKS_HOST"] = given["url"]

answers = {}
for target in (given["url"], "databricks"):
    client = get_deploy_client(target)
    name = "databricks" if target == "databricks" else "mlflow"
    answers[name] = client.predict(endpoint="people", inputs={"dataframe_records": given["rows"]})["predictions"]
    try:
        client.predict(endpoint="people", inputs={"dataframe_records": [{"age": "old"}]})
    except (MlflowException, OSError) as fault:
        answers[f"{name} refusal"] = str(fault)
print(json.dumps(answers))
