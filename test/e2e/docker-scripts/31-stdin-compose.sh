docker compose -p piped -f - up -d <<END
services: { one: { image: "${IMAGE}", command: sleep 100, stop_signal: SIGKILL } }
END
echo $?
docker compose -p piped ps --services
docker compose -p piped down --remove-orphans; echo $?
