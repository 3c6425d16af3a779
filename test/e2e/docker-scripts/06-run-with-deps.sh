docker compose run --rm -T web sh -c 'wget -q -O- http://db 2>/dev/null; hostname | wc -c'
docker compose ps --services
docker compose down -v
