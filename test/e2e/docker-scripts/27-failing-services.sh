cat > compose.yaml <<END
services:
  sick:
    image: "${IMAGE}"
    command: sleep 1000
    stop_signal: SIGKILL
    healthcheck: { test: "false", interval: 100ms, retries: 2 }
  dead: { image: "${IMAGE}", command: "false" }
  waits:
    image: "${IMAGE}"
    command: sleep 1000
    stop_signal: SIGKILL
    depends_on: { sick: { condition: service_healthy } }
  after:
    image: "${IMAGE}"
    command: "echo after"
    depends_on: { dead: { condition: service_completed_successfully } }
END
docker compose up -d --wait sick >/dev/null 2>&1; echo $?
docker compose up -d waits >/dev/null 2>&1; echo $?
docker compose ps -a --format '{{.Service}} {{.State}}' waits
docker compose up -d after >/dev/null 2>&1; echo $?
docker compose up -d --wait dead >/dev/null 2>&1; echo $?
docker compose up -d dead; echo $?
while docker compose ps --services --status running | grep -q dead; do sleep 0.1; done
docker compose ps -a --format '{{.State}} {{.ExitCode}}' dead
docker compose down
