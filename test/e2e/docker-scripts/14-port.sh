docker compose up -d --wait
docker compose port web 80
docker compose port --protocol tcp web 80
docker compose port web 81; echo $?
docker compose port db 80 2>/dev/null; echo $?
port=$(docker compose port web 80 | cut -d: -f2); echo "$port"
docker compose down -v
