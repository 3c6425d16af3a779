docker compose up -d --wait
docker compose ps | head -1 | tr -s ' '
docker compose ps db | tail -1 | tr -s ' ' | cut -d' ' -f1
docker compose ps -a --no-trunc --format '{{.Command}}' db
docker compose ps --format '{{.Command}}' db
docker compose down -v
docker compose ps | tr -s ' '
