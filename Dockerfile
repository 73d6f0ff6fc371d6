# labelkit and its server, as a user without rights. The project is a volume:
#   docker build -t labelkit .
#   docker run --rm -v ./spam:/project labelkit init --labels spam,ham
#   docker run -p 127.0.0.1:8501:8501 -v ./spam:/project -e LABELKIT_ADMIN_NAME -e LABELKIT_ADMIN_PASSWORD labelkit
# compose.yaml does the last one with better settings.

FROM python:3.12-slim AS build
# Where pip also looks for packages. The index of CPU builds that PyTorch's own instructions name saves several GB.
ARG PIP_EXTRA_INDEX_URL=""
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/labelkit
WORKDIR /src
# The dependencies change seldom: a layer of their own, made from the two files that name them.
COPY pyproject.toml constraints.txt README.md ./
COPY labelkit/__init__.py labelkit/__init__.py
COPY app app
COPY labeling_functions labeling_functions
COPY sample_data sample_data
COPY labelkit.toml labelkit.toml
RUN /opt/labelkit/bin/pip install -c constraints.txt .
COPY labelkit labelkit
RUN /opt/labelkit/bin/pip install --no-deps --force-reinstall .

FROM python:3.12-slim
RUN useradd --uid 10001 --create-home labelkit && install -d -o labelkit -g labelkit /project
COPY --from=build /opt/labelkit /opt/labelkit
ENV PATH=/opt/labelkit/bin:$PATH PYTHONDONTWRITEBYTECODE=1
USER labelkit
WORKDIR /project
VOLUME /project
EXPOSE 8501
# The server answers this without a sign-in; it says nothing about the project.
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8501/_stcore/health', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["labelkit"]
CMD ["serve", "--host", "0.0.0.0", "--port", "8501"]
