# CI: start, take the id of a container, look at it, clean up.
docker compose up -d --wait
id=$(docker compose ps -q web)
echo "${#id}"
docker compose ps -q | wc -l
docker compose down -v --remove-orphans
docker compose ps -q | wc -l
