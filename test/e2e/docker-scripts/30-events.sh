docker compose up -d db
docker compose events --json > events.txt & pid=$!
sleep 3
docker compose stop db
docker compose start db
sleep 2
kill $pid; wait $pid 2>/dev/null
grep -o '"action":"\(kill\|die\|stop\|start\)"' events.txt | sort | uniq -c | tr -s ' '
docker compose down -v
