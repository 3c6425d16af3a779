docker compose up -d nobody 2>&1 | grep -o 'no such service: nobody'
docker compose nonsense >/dev/null 2>&1; echo $?
docker compose up --no-such-flag >/dev/null 2>&1; echo $?
mkdir empty; cd empty
docker compose ps 2>&1 | grep -o 'no configuration file provided: not found'
docker compose up -d >/dev/null 2>&1; echo $?
cd ..
docker compose down -v; echo $?
docker compose down -v; echo $?
docker compose logs; echo $?
docker compose stop; echo $?
docker compose rm -f; echo $?
