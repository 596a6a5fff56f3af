#!/bin/bash
# usage: up.sh DIR  - Icinga Web 2 with graphs, complete and private, on 127.0.0.1; prints the address of its page
#
#   PLUGIN      <- Icinga 2 -> MariaDB (IDO)            <- Icinga Web 2 (PHP's built-in server)
#                           -> Carbon -> Graphite Web   <-
#
# DIR       must be empty or absent. Everything is below it: configuration, data, log/NAME.log, run/NAME.pid.
# PORT      the first of seven ports (default 18080)
# PLUGIN    the program of the CheckCommand "smtp_border", which must print performance data
# TEMPLATE  the Graphite template
#
# Runs as any user, and all of it as this user. down.sh DIR stops it.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
die() { echo "up.sh: $*" >&2; exit 1; }

[ $# = 1 ] || { echo "usage: up.sh DIR" >&2; exit 2; }
mkdir -p "$1"; dir=$(cd "$1" && pwd)
[ -z "$(ls -A "$dir")" ] || die "$dir is not empty"
case $dir in *[!A-Za-z0-9._/-]*) die "$dir: only letters, digits, . _ - please, it goes into seven syntaxes";; esac
plugin=$(realpath "$PLUGIN") template=$(realpath "$TEMPLATE")
[ -x "$plugin" ] || die "$plugin cannot be run"
graph=$(sed -n 's/^\[\(.*\)\.graph\]$/\1/p; T; q' "$template")
[ "$graph" ] || die "$template has no [NAME.graph]"

host=example.com service=smtp-border
web_port=${PORT:-18080}
graphite_port=$((web_port + 1)) carbon_port=$((web_port + 2)) pickle_port=$((web_port + 3))
query_port=$((web_port + 4)) db_port=$((web_port + 5)) api_port=$((web_port + 6))
web=http://127.0.0.1:$web_port graphite=http://127.0.0.1:$graphite_port api=https://127.0.0.1:$api_port

# Debian's programs need Debian's Python, not that of a virtual environment, and nothing here goes through a proxy.
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 PYTHONDONTWRITEBYTECODE=1 TMPDIR=$dir/tmp
unset PYTHONPATH PYTHONHOME http_proxy https_proxy all_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY
for command in mariadbd mariadb-install-db mariadb icinga2 carbon-cache gunicorn php openssl curl; do
	command -v $command >/dev/null || die "no $command, run tests/real/install"
done
for file in /usr/share/{icinga2-ido-mysql,graphite-web,icingaweb2/modules/monitoring,icingaweb2/modules/graphite}; do
	[ -d "$file" ] || die "no $file, run tests/real/install"
done
listening() { (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }
for port in $(seq "$web_port" "$api_port"); do ! listening "$port" || die "port $port is taken, choose with PORT=..."; done

# ---------------------------------------------------------------- helpers

mkdir -p "$dir"/{log,run,tmp,mariadb,carbon/whisper,graphite/log,icinga2/{etc,data/certs,log,cache,run,spool}} \
	"$dir"/php/sessions "$dir"/icingaweb2/{enabledModules,modules/{monitoring,graphite/templates}}
trap '"$here/down.sh" "$dir"' EXIT         # whatever goes wrong; taken back at the very end
trap 'exit 130' INT
trap 'exit 143' TERM

# NAME COMMAND...: in the background, in a process group of its own, with nothing of the caller's open: "$(up.sh DIR)" would
# wait for every daemon that still holds its standard output. The start time is for down.sh.
start() {
	local name=$1; shift
	setsid "$@" </dev/null >"$dir/log/$name.log" 2>&1 &
	echo "$! $(cut -d ' ' -f 22 "/proc/$!/stat")" >"$dir/run/$name.pid"
}
# NAME SECONDS COMMAND...: until the command succeeds
await() {
	local name=$1 end=$((SECONDS + $2)); shift 2
	until "$@" >/dev/null 2>&1; do
		kill -0 "$(cut -d ' ' -f 1 "$dir/run/$name.pid")" 2>/dev/null || { tail "$dir/log/$name.log" >&2; die "$name has ended"; }
		[ $SECONDS -lt $end ] || { tail "$dir/log/$name.log" >&2; die "$name is up, but waited in vain for: $*"; }
		sleep 0.2
	done
}
get() { curl --silent --fail --max-time 30 "$@"; }
# no "grep --quiet": it leaves at the first hit, and curl, which has more to write, fails
page_has() { get "$page" | grep --fixed-strings -e "$1"; }

# ---------------------------------------------------------------- MariaDB: the IDO's and Icinga Web's database

cat >"$dir/mariadb/my.cnf" <<END
[mariadbd]
datadir = $dir/mariadb/data
# relative to the data directory: the name of a Unix socket must not be longer than 107 characters
socket = socket
pid-file = pid
bind-address = 127.0.0.1
port = $db_port
# else 127.0.0.1 becomes localhost, for which there is no user
skip-name-resolve
# nothing here has to survive a power cut
innodb_flush_log_at_trx_commit = 0
innodb_log_file_size = 8M
innodb_buffer_pool_size = 32M
END
cat >"$dir/mariadb/init.sql" <<END
CREATE DATABASE icinga CHARACTER SET utf8mb4;
CREATE DATABASE icingaweb CHARACTER SET utf8mb4;
CREATE USER e2e@'127.0.0.1' IDENTIFIED BY 'e2e';
GRANT ALL ON icinga.* TO e2e@'127.0.0.1';
GRANT ALL ON icingaweb.* TO e2e@'127.0.0.1';
END
mariadb_up() {
	# --rpm, as in Debian's own maintainer script: else it gives up on a machine that cannot resolve its own name, and, as
	# root, makes --user the owner of a directory in /usr/lib/mysql/plugin
	mariadb-install-db --defaults-file="$dir/mariadb/my.cnf" --rpm --skip-test-db --user="$(id -un)" \
		>"$dir/log/mariadb-install.log" 2>&1 || { cat "$dir/log/mariadb-install.log" >&2; die "no database"; }
	start mariadb mariadbd --defaults-file="$dir/mariadb/my.cnf" --user="$(id -un)" --init-file="$dir/mariadb/init.sql"
	await mariadb 30 listening "$db_port"
	sql() { mariadb --no-defaults --host=127.0.0.1 --port="$db_port" --user=e2e --password=e2e "$1"; }
	sql icinga </usr/share/icinga2-ido-mysql/schema/mysql.sql
	sql icingaweb </usr/share/icingaweb2/schema/mysql.schema.sql
}

# ---------------------------------------------------------------- Carbon and Graphite Web: the values and their pictures

cat >"$dir/carbon/carbon.conf" <<END
[cache]
STORAGE_DIR = $dir/carbon
CONF_DIR = $dir/carbon
LOG_DIR = $dir/log
PID_DIR = $dir/run
LOCAL_DATA_DIR = $dir/carbon/whisper
# empty: stay who we are
USER =
LINE_RECEIVER_INTERFACE = 127.0.0.1
LINE_RECEIVER_PORT = $carbon_port
PICKLE_RECEIVER_INTERFACE = 127.0.0.1
PICKLE_RECEIVER_PORT = $pickle_port
CACHE_QUERY_INTERFACE = 127.0.0.1
CACHE_QUERY_PORT = $query_port
# else it reports every new metric to whoever listens on 127.0.0.1:80
ENABLE_TAGS = False
CARBON_METRIC_INTERVAL = 0
LOG_CREATES = False
LOG_UPDATES = False
LOG_CACHE_HITS = False
LOG_CACHE_QUEUE_SORTS = False
LOG_LISTENER_CONN_SUCCESS = False
END
# The step is the check_interval below: with a shorter step every line of the picture falls apart into dots.
cat >"$dir/carbon/storage-schemas.conf" <<END
[default]
pattern = .*
retentions = 10s:6h
END
touch "$dir/carbon/storage-aggregation.conf"
carbon_up() {
	start carbon carbon-cache --config="$dir/carbon/carbon.conf" --pidfile="$dir/carbon/pid" --nodaemon start
	await carbon 30 listening "$carbon_port"
	await carbon 30 listening "$query_port"
}

cat >"$dir/graphite/e2e_settings.py" <<END
SECRET_KEY = "e2e"
ALLOWED_HOSTS = ["127.0.0.1"]
TIME_ZONE = "UTC"
GRAPHITE_ROOT = "/usr/share/graphite-web"
STATIC_ROOT = "/usr/share/graphite-web/static"
CONF_DIR = STORAGE_DIR = "$dir/graphite"
WHISPER_DIR = "$dir/carbon/whisper"
CARBONLINK_HOSTS = ["127.0.0.1:$query_port"]
LOG_DIR = "$dir/graphite/log"
LOG_ROTATION = False
# No tables: rendering needs none, only Graphite's own pages do.
DATABASES = {"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}}
END
graphite_up() {
	GRAPHITE_SETTINGS_MODULE=e2e_settings PYTHONPATH=$dir/graphite \
		start graphite gunicorn --bind="127.0.0.1:$graphite_port" --workers=2 graphite.wsgi:application
	await graphite 30 get "$graphite/metrics/find?format=json&query=*"
}

# ---------------------------------------------------------------- Icinga 2

# A certificate by hand: "icinga2 node setup" writes to /var/lib/icinga2.
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=e2e \
	-keyout "$dir/icinga2/data/certs/e2e.key" -out "$dir/icinga2/data/certs/e2e.crt" 2>/dev/null
cp "$dir/icinga2/data/certs/e2e.crt" "$dir/icinga2/data/certs/ca.crt"
cat >"$dir/icinga2/etc/icinga2.conf" <<END
const NodeName = "e2e"
include <itl>

object Endpoint NodeName { }
object Zone "e2e" { endpoints = [ NodeName ] }
object CheckerComponent "checker" { }
object ApiListener "api" { bind_host = "127.0.0.1"; bind_port = $api_port }
object ApiUser "e2e" { password = "e2e"; permissions = [ "*" ] }
object GraphiteWriter "graphite" { host = "127.0.0.1"; port = $carbon_port; enable_send_thresholds = true }

library "db_ido_mysql"
object IdoMysqlConnection "ido" { host = "127.0.0.1"; port = $db_port; database = "icinga"; user = "e2e"; password = "e2e" }

object CheckCommand "smtp_border" { command = [ "$plugin" ] }
object Host "$host" { check_command = "dummy"; check_interval = 10s }
object Service "$service" {
	host_name = "$host"
	check_command = "smtp_border"
	check_interval = 10s
	retry_interval = 10s
	max_check_attempts = 1
}
END
# What Graphite has got: one line "NAME,FROM,UNTIL,STEP|VALUE,VALUE..." for each metric, with None for no value
metrics() { get "$graphite/render?format=raw&from=-2min&target=icinga2.${host//./_}.services.$service.smtp_border.perfdata.*.*"; }
icinga2_up() {
	# as root it would become "nagios", who cannot enter a mktemp -d of root's
	ICINGA2_USER=$(id -un) ICINGA2_GROUP=$(id -gn) \
		start icinga2 icinga2 daemon -c "$dir/icinga2/etc/icinga2.conf" -DConfigDir="$dir/icinga2/etc" \
			-DDataDir="$dir/icinga2/data" -DLogDir="$dir/icinga2/log" -DCacheDir="$dir/icinga2/cache" \
			-DInitRunDir="$dir/icinga2/run" -DSpoolDir="$dir/icinga2/spool"
	await icinga2 30 get --insecure --user e2e:e2e "$api/v1/status"
}
# not somewhen in the next ten seconds
check_now() {
	for object in "Host&host=$host" "Service&service=$host!$service"; do
		get --insecure --user e2e:e2e --header 'Accept: application/json' --request POST \
			"$api/v1/actions/reschedule-check?force=true&type=$object"
	done
}

# ---------------------------------------------------------------- Icinga Web 2

cd "$dir/icingaweb2"
ln -s /usr/share/icingaweb2/modules/{monitoring,graphite} enabledModules/
cat >config.ini <<END
[global]
show_stacktraces = "1"
config_resource = "web"
module_path = "/usr/share/icingaweb2/modules"
[logging]
log = "file"
level = "ERROR"
file = "$dir/log/icingaweb2.log"
END
for name in ido=icinga web=icingaweb; do
	cat >>resources.ini <<END
[${name%=*}]
type = "db"
db = "mysql"
host = "127.0.0.1"
port = "$db_port"
dbname = "${name#*=}"
username = "e2e"
password = "e2e"
charset = "utf8mb4"
END
done
cat >authentication.ini <<END
[external]
backend = "external"
END
cat >roles.ini <<END
[Administrators]
users = "admin"
permissions = "*"
END
cat >modules/monitoring/backends.ini <<END
[icinga]
type = "ido"
resource = "ido"
END
cat >modules/monitoring/commandtransports.ini <<END
[icinga2]
transport = "api"
host = "127.0.0.1"
port = "$api_port"
username = "e2e"
password = "e2e"
END
cat >modules/graphite/config.ini <<END
[graphite]
url = "$graphite/"
END
cp "$template" modules/graphite/templates/smtp_border.ini
cat >"$dir/php/php.ini" <<END
date.timezone = UTC
display_errors = Off
log_errors = On
error_log = $dir/log/php-errors.log
session.save_path = $dir/php/sessions
END
cd "$dir"
page="$web/monitoring/service/show?host=$host&service=$service"
php_up() {
	ICINGAWEB_CONFIGDIR=$dir/icingaweb2 \
		start php php -c "$dir/php/php.ini" -S "127.0.0.1:$web_port" -t /usr/share/icingaweb2/public "$here/router.php"
	await php 30 listening "$web_port"
	# both compiled at the first request, and the first to fail when the router is wrong
	await php 30 get "$web/css/icinga.min.css"
	await php 30 get "$web/js/icinga.min.js"
}

# ---------------------------------------------------------------- all of them

mariadb_up
carbon_up
graphite_up
icinga2_up
php_up

# The GraphiteWriter connects at its start, or, when two of its threads meet in the wrong order, after ten seconds; what comes
# before is lost. So another check every second. In this second Carbon creates the files of the metrics, one after the other.
values_come() { check_now; sleep 1; metrics | grep '\.value,[^|]*|.*[0-9]'; }
await icinga2 30 values_come
# An hour of history, made up, before the first value of Icinga 2: the page shows an hour, and its graphs would be empty.
metrics | awk -F '[,|]' '{
	first = 5; while (first <= NF && $first == "None") first++
	if (first <= NF) for (ago = 10; ago <= 3600; ago += 10)
		print $1, $first * ($1 ~ /\.value$/ ? 1 + sin(ago / 400) / 3 : 1), $2 + (first - 5) * $4 - ago
}' >"/dev/tcp/127.0.0.1/$carbon_port"

# The IDO lags a second or two behind.
await icinga2 30 page_has SMTP_BORDER
await icinga2 30 page_has 'state-col state-up'
await php 30 page_has "template=$graph&"
trap - EXIT
echo "$page"
