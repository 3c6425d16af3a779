docker compose up -d --wait
docker compose logs db
docker compose logs --no-log-prefix --tail 1 db
docker compose logs --tail=0 db
docker compose logs -t --no-log-prefix db | sed 's/^[0-9T:.Z-]* /TIME /'
docker compose logs --since 1h --no-log-prefix db
docker compose logs --until 2000-01-01T00:00:00Z db
docker compose logs --index 7 db 2>/dev/null; echo $?
docker compose run --rm -T job sh -c 'echo of stderr >&2' 2>/dev/null
docker compose up -d --no-deps --force-recreate web 2>/dev/null
docker compose exec -T web sh -c 'echo to its log > /proc/1/fd/2'
docker compose logs --no-log-prefix web
docker compose logs web | grep -c log
docker compose logs nobody 2>/dev/null; echo $?
docker compose down -v
