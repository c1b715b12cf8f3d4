# source-dtm as a custom connector of Airbyte, from the wheel that `python3 make.py build` leaves in dist/:
# docker build --build-arg VERSION=0.2.0 --tag source-dtm:0.2.0 .
FROM python:3.13-slim

ARG VERSION
RUN : "${VERSION:?Add --build-arg VERSION=..., the version in the name of the wheel in dist/.}"

# Airbyte runs connectors as this user, and mounts the files they are given so that it may read them.
RUN useradd --uid 1000 --user-group --create-home airbyte

WORKDIR /airbyte/integration_code
COPY dist/tap_dtm-${VERSION}-py3-none-any.whl ./
RUN pip install --no-cache-dir tap_dtm-${VERSION}-py3-none-any.whl

USER airbyte
# Airbyte on Kubernetes starts connectors through this variable, not the entry point.
ENV AIRBYTE_ENTRYPOINT="source-dtm"
ENTRYPOINT ["source-dtm"]
LABEL io.airbyte.name="source-dtm" io.airbyte.version="${VERSION}"
