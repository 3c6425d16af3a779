# Ctrl-C leaves the project's containers. Whether docker has stopped them by then is left to chance: `timeout` reaches
# both its command line and the plugin, and the second signal cuts its stop short.
cat > compose.yaml <<END
services:
  app:
    image: "${IMAGE}"
    command: ["sh", "-c", "trap 'echo bye; exit 0' TERM; echo ready; while :; do sleep 0.1; done"]
END
timeout -s INT 4 docker compose up --no-log-prefix --no-color > out.txt 2>/dev/null
grep -c ready out.txt
docker compose ps -a --format '{{.Service}}'
docker compose down; echo $?
