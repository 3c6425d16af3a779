docker compose up -d db
docker compose exec -T db sh -c 'echo kept > /data/x'
docker compose down
docker compose up -d db
docker compose exec -T db cat /data/x
docker compose volumes -q
docker compose down -v
docker compose up -d db
docker compose exec -T db ls /data
docker compose down -v
