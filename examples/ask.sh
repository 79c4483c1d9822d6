#!/bin/sh
# Ask the bus one thing from a shell, and print the answer as one line of JSON.
#
#   examples/ask.sh math 'what is 15% of 80'
#   BROKER=192.168.1.5 PORT=8883 LOGIN=desk \
#   MQTT_OPTIONS='--cafile authority.crt --cert login.crt --key login.key' \
#       examples/ask.sh intent_classification 'turn off the kitchen lights'
#
# Needs mosquitto_rr (Debian: mosquitto-clients). Exit code: 0 done, 1 ended otherwise, 2 wrong usage, 4 no answer.
set -eu

if [ $# -ne 2 ]; then
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
fi
capability=$1 text=$2
login=${LOGIN:-shell} base=${BASE:-forgebus/v1}

# The answer comes to a topic of our own: below answer/<login>/ any word will do, so each call takes another.
# MQTT_OPTIONS is several words on purpose.
# shellcheck disable=SC2086
answer=$(mosquitto_rr -h "${BROKER:-127.0.0.1}" -p "${PORT:-1883}" ${MQTT_OPTIONS:-} -W "${WAIT_S:-60}" \
    -t "$base/ask/$login/$capability" -e "$base/answer/$login/$$-$(date +%s)" -q 1 -m "$text") || exit 4

printf '%s\n' "$answer"
case $answer in
*'"outcome":"done"'*) exit 0 ;;
'') exit 4 ;;
*) exit 1 ;;
esac
