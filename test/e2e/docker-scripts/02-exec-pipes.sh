# A dump through a pipe, and a restore from standard input.
docker compose up -d db
docker compose exec -T db sh -c 'printf "one\ntwo\n"' > dump.txt
wc -l < dump.txt
docker compose exec -T db sh -c 'cat > /data/dump' < dump.txt
docker compose exec -T db cat /data/dump
printf 'piped' | docker compose exec -T db tr a-z A-Z
echo
docker compose down -v
