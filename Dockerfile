# One image for every service; which one it is, is the command (see docker-compose.yml).
FROM python:3.11-slim-bookworm AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY contracts contracts
COPY eventlog eventlog
COPY runtime runtime
COPY ingest ingest
COPY detector detector
COPY notifier notifier
COPY migrations migrations
COPY handraiser handraiser
RUN python -m venv /venv && /venv/bin/pip install --no-cache-dir .

FROM python:3.11-slim-bookworm
RUN useradd --system --uid 10001 --create-home handraiser \
    && install -d -o handraiser -g handraiser /data
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 HANDRAISER_DATA=/data
USER handraiser
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
ENTRYPOINT ["handraiser"]
CMD ["up", "--host", "0.0.0.0"]
