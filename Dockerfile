# One image for the API and the chat page: slim, without torch (the default encoder runs on onnxruntime).
# With `--build-arg HUB=1` it also carries sentence-transformers and the CPU build of torch.
FROM python:3.11-slim AS build
ARG HUB=0
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/faro
ENV PATH=/opt/faro/bin:$PATH
WORKDIR /src
COPY requirements.lock requirements-slim.lock ./
RUN if [ "$HUB" = 1 ]; then \
      pip install --no-deps --index-url https://download.pytorch.org/whl/cpu torch==2.13.0 \
      && pip install --no-deps --require-hashes -r requirements.lock; \
    else \
      pip install --no-deps --require-hashes -r requirements-slim.lock; \
    fi \
    && pip install setuptools==84.2.1

FROM python:3.11-slim
ENV PATH=/opt/faro/bin:$PATH PYTHONUNBUFFERED=1 ORT_DISABLE_TELEMETRY=1 \
    FARO_HANDBOOK=/handbook FARO_INDEX=/index
RUN useradd --create-home --uid 10001 faro && mkdir /handbook /index && chown faro:faro /index
COPY --from=build /opt/faro /opt/faro
WORKDIR /app
COPY pyproject.toml README.md LICENSE ./
COPY ingest ingest
COPY rag rag
COPY api api
COPY ui ui
COPY data/model data/model
RUN pip install --no-cache-dir --no-deps --no-build-isolation --editable .
USER faro
VOLUME /index
EXPOSE 8000 8501
CMD ["sh", "-c", "faro ingest && exec faro serve --host 0.0.0.0"]
