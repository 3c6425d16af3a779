cat > compose.yaml <<END
services:
  task: { image: "${IMAGE}", command: ["sh", "-c", "sleep 1; exit 4"] }
  rest: { image: "${IMAGE}", command: sleep 1000, stop_signal: SIGKILL }
END
docker compose up -d
docker compose wait task | sed 's/"[^"]*"/"ID"/'
docker compose up -d
docker compose wait --down-project task >/dev/null 2>&1; echo $?
docker compose ps -a -q | wc -l
