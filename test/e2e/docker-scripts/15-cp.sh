docker compose up -d db
echo content > file.txt
docker compose cp file.txt db:/data/
docker compose exec -T db cat /data/file.txt
docker compose cp db:/data/file.txt back.txt
cat back.txt
mkdir -p dir/sub; echo deep > dir/sub/deep
docker compose cp dir db:/opt/dir
docker compose exec -T db cat /opt/dir/sub/deep
docker compose cp dir/. db:/opt/dir
docker compose exec -T db ls /opt/dir
docker compose cp db:/opt/dir - | tar -t | sort
docker compose cp db:/no/such . 2>/dev/null; echo $?
docker compose stop db
docker compose cp db:/data/file.txt stopped.txt && cat stopped.txt
docker compose down -v
