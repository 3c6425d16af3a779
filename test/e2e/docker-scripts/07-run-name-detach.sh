docker compose run -d --name chosen --no-deps web sleep 100 | wc -l
docker compose ps -a --format '{{.Name}} {{.State}}'
docker compose run --rm --no-deps -T web cat /proc/1/comm
docker compose run --rm -d -T --name brief --no-deps -v /anonymous job sleep 1 | wc -l
docker compose ps -a --format '{{.Name}}'
sleep 3
docker compose ps -a --format '{{.Name}}'
docker compose run --rm -d -T --name never --no-deps job nosuch 2>/dev/null; echo $?
docker compose ps -a --format '{{.Name}}'
docker compose build; echo $?
docker compose build --no-cache --pull -q web; echo $?
docker compose down -v --remove-orphans
docker compose ps -a -q | wc -l
