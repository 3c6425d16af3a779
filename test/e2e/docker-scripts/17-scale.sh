docker compose up -d --scale db=3 --no-recreate db
docker compose ps --format '{{.Name}}'
docker compose up -d --scale db=1 db
docker compose ps --format '{{.Name}}'
docker compose scale db=2
docker compose ps -q | wc -l
docker compose exec -T --index 2 db true; echo $?
docker compose exec -T --index 5 db true 2>/dev/null; echo $?
docker compose down -v
