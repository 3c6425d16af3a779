docker compose run -d --name chosen --no-deps web sleep 100 | wc -l
docker compose ps -a --format '{{.Name}} {{.State}}'
docker compose run --rm --no-deps -T web cat /proc/1/comm
docker compose down -v --remove-orphans
docker compose ps -a -q | wc -l
