docker compose up -d db
docker compose exec -T -e A=1 -e B db sh -c 'echo "$A-$B"'
B=2 docker compose exec -T -e B db sh -c 'echo "$B"'
docker compose exec -T -w /tmp db pwd
docker compose exec -T -u 1000:1000 db id -u
docker compose exec -T --index 1 db hostname | wc -c
docker compose exec -d db touch /data/detached; echo $?
until docker compose exec -T db test -e /data/detached; do sleep 0.1; done
docker compose down -v
