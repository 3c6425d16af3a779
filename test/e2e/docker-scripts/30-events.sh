docker compose up -d db
docker compose events --json > events.txt & pid=$!
sleep 1
docker compose stop db
docker compose start db
sleep 0.5
kill $pid; wait $pid 2>/dev/null
grep -o '"action":"\(kill\|die\|stop\|start\)"' events.txt | sort | uniq -c | tr -s ' '
docker compose down -v
