docker compose --profile jobs up --no-color job 2>/dev/null
echo $?
docker compose --profile jobs up --no-log-prefix job 2>/dev/null
docker compose --profile jobs down -v
