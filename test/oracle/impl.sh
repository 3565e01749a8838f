#!/bin/bash
# impl.sh FOLDER: builds the plug-in that runs xlvs in the oracle's guest. Self-contained: own Node,
# own libraries, a bundle for each part, since programs start slowly there.
set -eu
cd "$(dirname "$0")/../.."
impl=$1

rm -rf "$impl"
mkdir -p "$impl/bin" "$impl/lib" "$impl/addon/build/Release" "$impl/build"
cp package.json "$impl/"
cp addon/build/Release/libbpf_ts.node "$impl/addon/build/Release/"
cp build/*.bpf.o build/libxlvs-ipvs.so "$impl/build/"
cp "$(readlink -f node_modules/.bin/node)" "$impl/node"
ldd addon/build/Release/libbpf_ts.node |
  awk '$3 ~ /lib(bpf|elf|z)\.so/ {print $3}' | xargs -I{} cp -L {} "$impl/lib/"
require="import {createRequire as cr} from 'node:module'; const require = cr(import.meta.url);"
esbuild control/{daemon/{client,main},ipvs/marks/import,dataplane/{decap,sweep_worker}}.ts \
  control/ipvs/{main,sysctl,sysctl_system,system}.ts --bundle --platform=node --format=esm \
  --target=node24 --outdir="$impl" --outbase=. \
  --minify-syntax --log-level=warning --banner:js="$require"
cp test/oracle/plugin/{up,down,daemon.js} "$impl/"
cp test/oracle/plugin/{ip,ipvsadm,sysctl} "$impl/bin/"
touch "$impl/peer-xdp" # XDP_TX towards a veth wants an XDP program on the other end
chmod 755 "$impl"/{up,down} "$impl"/bin/*
echo "the plug-in is in $impl"
