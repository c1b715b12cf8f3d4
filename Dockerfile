# source-dtm as a custom connector of Airbyte: docker build --tag source-dtm:0.2.0 .
FROM python:3.13-slim

# Airbyte runs connectors as this user, and mounts the files they are given so that it may read them.
RUN useradd --uid 1000 --user-group --create-home airbyte

WORKDIR /airbyte/integration_code
COPY pyproject.toml version.py README.md CHANGELOG.md LICENSE ./
COPY tap_dtm tap_dtm
COPY datapackage datapackage
RUN pip install --no-cache-dir .

USER airbyte
# Airbyte on Kubernetes starts connectors through this variable, not the entry point.
ENV AIRBYTE_ENTRYPOINT="source-dtm"
ENTRYPOINT ["source-dtm"]
LABEL io.airbyte.name="source-dtm" io.airbyte.version="0.2.0"
