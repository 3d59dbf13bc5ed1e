# The image of every pod: docs/install.md. Two targets of the same software:
#
#   docker build --target cpu -t beholden:0.1.0-cpu .
#   docker build --target gpu -t beholden:0.1.0-gpu .
#
# What is installed is what requirements/{cpu,gpu}.txt lock, by hash; what is copied is what .dockerignore lets through.
# The base is named by its digest, and a tag alone is refused. From a mirror, or a newer one:
#
#   docker buildx imagetools inspect python:3.11-slim-bookworm    # shows the digest
#   docker build --build-arg PYTHON_IMAGE=NAME@sha256:DIGEST ...
ARG PYTHON_IMAGE=python:3.11.16-slim-bookworm@sha256:528257d48c1da0dcecc2e725d1ae34498d60c965f1241e39cd6a85a8859bdf84

FROM ${PYTHON_IMAGE} AS pinned
ARG PYTHON_IMAGE
RUN case "${PYTHON_IMAGE}" in *@sha256:*) ;; \
    *) echo "PYTHON_IMAGE=${PYTHON_IMAGE} has no digest: name it as NAME@sha256:DIGEST" >&2; exit 1 ;; esac

FROM pinned AS pip
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ONLY_BINARY=:all: PIP_ROOT_USER_ACTION=ignore

FROM pip AS wheel
WORKDIR /src
COPY requirements/build.txt requirements/
RUN pip install --require-hashes -r requirements/build.txt
COPY pyproject.toml README.md LICENSE ./
COPY operators/ operators/
COPY indexes/ indexes/
COPY cluster/ cluster/
COPY loadtests/ loadtests/
# The same files make the same wheel, to the byte.
RUN SOURCE_DATE_EPOCH=1767225600 pip wheel --no-deps --no-build-isolation --no-index -w /wheel .

# The environment has no pip of its own. What pip installs there it compiles, since nobody can write there later.
FROM pip AS environment
RUN python -m venv --without-pip /opt/beholden
COPY configs/ /opt/beholden/configs/

FROM environment AS environment-cpu
COPY requirements/cpu.txt /tmp/
RUN pip --python /opt/beholden/bin/python install --require-hashes -r /tmp/cpu.txt
COPY --from=wheel /wheel/ /tmp/
RUN pip --python /opt/beholden/bin/python install --no-deps --no-index /tmp/beholden-*.whl \
    && chmod -R a+rX /opt/beholden

FROM environment AS environment-gpu
COPY requirements/gpu.txt /tmp/
RUN pip --python /opt/beholden/bin/python install --require-hashes -r /tmp/gpu.txt
COPY --from=wheel /wheel/ /tmp/
RUN pip --python /opt/beholden/bin/python install --no-deps --no-index /tmp/beholden-*.whl \
    && chmod -R a+rX /opt/beholden

FROM pinned AS runtime
ARG PYTHON_IMAGE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="beholden" \
      org.opencontainers.image.description="An accountable, distributed face-recognition cluster for live cameras" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.base.name="${PYTHON_IMAGE}"
# A login shell, with which some releases of KubeRay start Ray, has a PATH of its own: hence the links.
RUN pip uninstall --yes --quiet pip setuptools wheel \
    && rm -rf /usr/local/lib/python3.*/ensurepip \
    && groupadd --gid 10001 beholden \
    && useradd --uid 10001 --gid 10001 --home-dir /home/beholden --no-create-home --shell /usr/sbin/nologin beholden \
    && install -d -o 10001 -g 10001 -m 0700 /home/beholden /var/lib/beholden /var/cache/beholden \
    && ln -s /opt/beholden/bin/beholden /opt/beholden/bin/ray /usr/local/bin/
ENV PATH=/opt/beholden/bin:/usr/local/bin:/usr/bin:/bin \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/home/beholden \
    XDG_STATE_HOME=/var/lib/beholden \
    XDG_CACHE_HOME=/var/cache/beholden \
    RAY_USAGE_STATS_ENABLED=0
WORKDIR /home/beholden
USER 10001:10001
ENTRYPOINT ["beholden"]
CMD ["--help"]

FROM runtime AS gpu
# Which devices a container sees is the device plugin's to say; what it may use of their driver is said here.
ENV NVIDIA_DRIVER_CAPABILITIES=compute,utility
COPY --from=environment-gpu /opt/beholden/ /opt/beholden/

# Last, so that a build that names no target makes this one.
FROM runtime AS cpu
COPY --from=environment-cpu /opt/beholden/ /opt/beholden/
