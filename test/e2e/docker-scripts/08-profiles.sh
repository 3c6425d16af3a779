docker compose config --services | sort
docker compose --profile jobs config --services | sort
docker compose --profile jobs up -d job 2>/dev/null; echo $?
docker compose --profile jobs logs --no-log-prefix job
docker compose --profile jobs down -v
