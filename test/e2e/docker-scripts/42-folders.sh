# Where a project lies, and what it is called.
called() { docker compose config 2>/dev/null | grep -m1 '^name'; }
for folder in "My App" UPPER.case _lead -dash 9nine "a b-c_d" x.y.z "[br]"; do
  mkdir -- "$folder"; cp compose.yaml "./$folder/"
  (cd "./$folder"; called; mkdir -p below/more; cd below/more; called)
done
ln -s "My App" link
(cd link; called; PWD=/nowhere called; cd below; called)
(cd link; COMPOSE_PROJECT_NAME=Foo called; COMPOSE_PROJECT_NAME=foo called; COMPOSE_PROJECT_NAME= called)
mkdir dir; docker compose -f dir config --services 2>/dev/null; echo $?
echo 'services: {}' > none.yaml
docker compose -f none.yaml config; echo $?
docker compose -f none.yaml up -d 2>/dev/null; echo $?
docker compose -f none.yaml ps -q; echo $?
printf 'services:\n  x:\n    image: %s\n    profiles: [p]\n' "$IMAGE" > profiled.yaml
docker compose -f profiled.yaml up -d 2>/dev/null; echo $?
