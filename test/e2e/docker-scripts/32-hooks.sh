cat > compose.yaml <<END
services:
  app:
    image: "${IMAGE}"
    command: ["sh", "-c", "touch /data/main; exec sleep 1000"]
    stop_signal: SIGKILL
    user: "0:0"
    volumes: ["vol:/data"]
    post_start:
      - { command: ["sh", "-c", "echo \$\$WHO by \$\$(id -u) in \$\$(pwd) > /data/post"], user: "1", working_dir: /tmp, environment: [WHO=hook] }
    pre_stop:
      - { command: ["sh", "-c", "echo stopping > /data/pre"] }
  reader: { image: "${IMAGE}", command: sleep 1000, stop_signal: SIGKILL, volumes: ["vol:/data"] }
volumes: { vol: {} }
END
docker compose up -d reader
docker compose exec -T reader chmod 777 /data
docker compose up -d app; echo $?
docker compose exec -T reader cat /data/post
docker compose stop app; echo $?
docker compose exec -T reader cat /data/pre
docker compose down -v
