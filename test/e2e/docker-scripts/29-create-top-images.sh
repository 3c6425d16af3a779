docker compose create db; echo $?
docker compose ps -a --format '{{.Service}} {{.State}}'
docker compose start db; echo $?
docker compose top db | head -1 | tr -s ' '
docker compose top db | grep 'sleep 1000' | awk '{print $1, $2, $NF}'
docker compose images -q | sort -u | wc -l
docker compose images --format json | grep -o '"ContainerName":"[^"]*"'
docker compose down -v
