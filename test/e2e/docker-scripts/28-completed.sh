cat > compose.yaml <<END
services:
  migrate: { image: "${IMAGE}", command: ["sh", "-c", "sleep 0.3; echo migrated > /data/done"], volumes: ["vol:/data"] }
  app:
    image: "${IMAGE}"
    command: ["sh", "-c", "cat /data/done; exec sleep 1000"]
    stop_signal: SIGKILL
    volumes: ["vol:/data"]
    depends_on: { migrate: { condition: service_completed_successfully } }
volumes: { vol: {} }
END
docker compose up -d --wait; echo $?
docker compose logs --no-log-prefix app
docker compose ps -a --format '{{.Service}} {{.State}} {{.ExitCode}}'
docker compose up -d; echo $?
docker compose down -v
