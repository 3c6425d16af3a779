# A changed dependency leaves its dependants alone, unless they ask to be restarted.
cat > compose.yaml <<END
services:
  base: { image: "${IMAGE}", command: sleep 1000, stop_signal: SIGKILL, environment: { V: "\${V:-1}" } }
  plain: { image: "${IMAGE}", command: sleep 1000, stop_signal: SIGKILL, depends_on: [base] }
  follower:
    image: "${IMAGE}"
    command: sleep 1000
    stop_signal: SIGKILL
    depends_on: { base: { condition: service_started, restart: true } }
END
same() { [ "$1" = "$2" ] && echo same || echo other; }
started() { docker compose exec -T "$1" stat -c %Y /proc/1; }
docker compose up -d
plain=$(docker compose ps -q plain); follower=$(docker compose ps -q follower); base=$(docker compose ps -q base)
begun=$(started plain); beganf=$(started follower)
sleep 1.1
V=2 docker compose up -d
same "$base" "$(docker compose ps -q base)"
same "$plain" "$(docker compose ps -q plain)"
same "$follower" "$(docker compose ps -q follower)"
same "$begun" "$(started plain)"
same "$beganf" "$(started follower)"
docker compose down
