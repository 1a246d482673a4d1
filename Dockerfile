# One image for every service of docker-compose.yml; the command says which one it is.
FROM python:3.11-slim-bookworm

ENV PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 PIP_NO_CACHE_DIR=1 \
    PYTHONPATH=/app/platform:/app DJANGO_SETTINGS_MODULE=modelyard.settings MODELYARD_HOME=/var/lib/modelyard

WORKDIR /app
COPY requirements.txt .
ARG GPU=0
RUN python -m venv /app/.venv \
 && /app/.venv/bin/pip install --disable-pip-version-check -r requirements.txt \
 && if [ "$GPU" = 1 ]; then /app/.venv/bin/pip install --disable-pip-version-check "tensorflow[and-cuda]==$(grep -oP '^tensorflow==\K.*' requirements.txt)"; fi
ENV PATH=/app/.venv/bin:$PATH

COPY manage.py pyproject.toml ./
COPY platform platform
COPY workers workers
COPY templates templates
COPY static static
COPY locale locale
COPY deploy deploy

RUN useradd --system --uid 10001 --home-dir /var/lib/modelyard --create-home modelyard
USER modelyard
VOLUME /var/lib/modelyard
EXPOSE 8000 8001 8002
CMD ["uvicorn", "modelyard.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--no-server-header"]
