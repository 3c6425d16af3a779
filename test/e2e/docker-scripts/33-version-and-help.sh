docker compose version --short | grep -c '^[0-9]'
docker compose version -f json | grep -c '"version"'
docker compose --help >/dev/null; echo $?
docker compose up --help >/dev/null; echo $?
