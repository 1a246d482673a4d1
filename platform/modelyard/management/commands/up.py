"""`manage.py up`: a whole installation in the foreground, from an empty folder to an endpoint that predicts."""

import dataclasses
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from modelyard.accounts.keys import create_key
from modelyard.accounts.models import User, Workspace
from modelyard.accounts.people import ensure_admin
from modelyard.environment import UnsafeSetting, is_given
from modelyard.launching import preparing
from modelyard.launching.embedded_redis import NoRedis, start_redis
from modelyard.launching.installation import (
    Ending,
    NotReady,
    list_devices,
    list_services,
    refuse_second_start,
    wait_until_healthy,
)
from modelyard.launching.sample import NAME, SampleFailed, passing_key, run_sample
from modelyard.launching.services import Roof
from modelyard.safety import refuse_unsafe_start


class Command(BaseCommand):
    help = "Start everything on this machine and keep it running until Ctrl-C."
    requires_system_checks = ()
    requires_migrations_checks = False

    def handle(self, *args: Any, **options: Any) -> None:
        environment = settings.ENVIRONMENT
        try:
            refuse_unsafe_start(environment)
        except UnsafeSetting as fault:
            raise CommandError(str(fault)) from None
        preparing.make_folders(environment.home)
        roof = Roof(environment.home / "logs", self.say)
        try:
            release = refuse_second_start(environment.home)
        except NotReady as fault:
            raise CommandError(str(fault)) from None
        ending = Ending()
        try:
            password = self._bring_up(roof)
            self._greet(password, self._run_sample_once())
            ending.watch(roof)
            self.say("\nStopping …")
        except KeyboardInterrupt:
            self.say("\nStopping …")
        except (NotReady, NoRedis, preparing.NoStorage) as fault:
            raise CommandError(str(fault)) from None
        finally:
            ending.settle()
            roof.stop()
            release()
        self.say("Stopped.")

    def say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()

    def _bring_up(self, roof: Roof) -> str:
        environment = settings.ENVIRONMENT
        redis_url = environment.redis_url if is_given("REDIS_URL") else ""
        if not redis_url:
            with self._step("Redis"):
                redis_url = start_redis(environment.home, roof)
            os.environ["REDIS_URL"] = redis_url
        _use_redis(redis_url)
        if environment.bucket is not None:
            with self._step("Object store"):
                preparing.check_storage(environment.bucket)
        with self._step("Database"):
            preparing.migrate()
        with self._step("Static files"):
            preparing.collect_static_files()
        with self._step("Administrator"):
            password = ensure_admin(environment.admin_email, environment.admin_password) or ""
        services = list_services(environment, redis_url, list_devices(environment.trainers))
        with self._step("Web, predictor, workers"):
            for service in services:
                roof.start(service)
            by_name = {service.name: service for service in services}
            wait_until_healthy(_local(environment.host, environment.port), by_name["web"], roof.logs)
            predictor = _local(environment.predict_host, environment.predict_port)
            wait_until_healthy(predictor, by_name["predictor"], roof.logs)
        return password

    def _run_sample_once(self) -> dict[str, Any] | None:
        """On the first start only; what the endpoint answers is noted in the home folder."""
        environment = settings.ENVIRONMENT
        mark = environment.home / "sample.json"
        if mark.exists():
            known: dict[str, Any] = json.loads(mark.read_text())
            return known
        if not environment.sample:
            return None
        user = User.objects.get(email=environment.admin_email.lower())
        workspace = Workspace.objects.visible_to(user).order_by("created_at")[0]
        self.say("  The sample: a data set, a model and an endpoint to try (a minute or two)")
        try:
            with passing_key(workspace, user) as key:
                body = run_sample(_local(environment.host, environment.port), key, self._tell_once())
        except SampleFailed as fault:
            self.say(f"  The sample did not work: {fault}\n  Everything else is running.")
            return None
        mark.write_text(json.dumps(body))
        _, self.sample_key = create_key(
            "Sample key", workspace=workspace, user=user, scopes=["predict"], endpoints=[NAME], days=90
        )
        return body

    sample_key = ""

    def _tell_once(self) -> Any:
        last = ""

        def tell(line: str) -> None:
            nonlocal last
            if line != last:
                self.say(f"    {line}")
                last = line

        return tell

    def _greet(self, password: str, body: dict[str, Any] | None) -> None:
        environment = settings.ENVIRONMENT
        login = f"  Login     {environment.admin_email}"
        if password:
            login += f"   password {password}   (shown this once)"
        self.say(f"\nModelyard is ready.\n\n  Address   {environment.public_url}\n{login}")
        if body is not None:
            key = self.sample_key or "$MODELYARD_KEY"
            url = f"{environment.predict_url}/v1/models/{NAME}:predict"
            self.say(
                f"\n  Predict:\n\n  curl -s {url} \\\n    -H 'Content-Type: application/json' \\\n"
                f"    -H \"Authorization: Bearer {key}\" \\\n    -d '{json.dumps(body)}'\n"
            )
            if not self.sample_key:
                self.say(
                    "  A key:  export MODELYARD_KEY=$(.venv/bin/python manage.py create_key "
                    f"--email {environment.admin_email} --name shell --scope predict)"
                )
        self.say("\n  Ctrl-C stops everything. Logs are in " + str(environment.home / "logs"))

    @contextmanager
    def _step(self, title: str) -> Iterator[None]:
        started = time.monotonic()
        self.stdout.write(f"  {title:<26}", ending="")
        self.stdout.flush()
        try:
            yield
        except BaseException:
            self.say("failed")
            raise
        self.say(f"ready ({time.monotonic() - started:.1f} s)")


def _local(host: str, port: int) -> str:
    return f"http://{'127.0.0.1' if host in ('0.0.0.0', '::') else host}:{port}"


def _use_redis(url: str) -> None:
    """Let this process, which read its settings before Redis was up, use the server that was started."""
    settings.ENVIRONMENT = dataclasses.replace(settings.ENVIRONMENT, redis_url=url)
