docker compose up -d --wait
docker compose logs db
docker compose logs --no-log-prefix --tail 1 db
docker compose logs --tail=0 db
docker compose logs -t --no-log-prefix db | sed 's/^[0-9T:.Z-]* /TIME /'
docker compose logs --since 1h --no-log-prefix db
docker compose logs --until 2000-01-01T00:00:00Z db
docker compose logs nobody 2>/dev/null; echo $?
docker compose down -v
