# SPDX-License-Identifier: Apache-2.0
# Reads what aarch64-linux-gnu-objdump -d --no-show-raw-insn prints, of functions for which another rule has set `inside`:
# op[1 .. n] and args[1 .. n]; branch[i] where instruction i jumps. For lack of a machine, the estimates of scripts cut
# their loops out of that.
inside && /^ *[0-9a-f]+:/ {
  n++
  address = $1; gsub(/[ :]/, "", address); at[address] = n
  op[n] = $2; args[n] = $3; sub(/ *\/\/.*/, "", args[n])
  if ($2 ~ /^(b|b\..*|cbn?z|tbn?z)$/) {
    branch[n] = 1
    t = args[n]; sub(/ <.*/, "", t); sub(/.*[, ]/, "", t); target[n] = t
  }
}

# In the end: to[i], where a branch leads, and label[i], where one leads to.
function link_branches(  i) {
  for (i = 1; i <= n; i++) if (branch[i] && target[i] in at) { to[i] = at[target[i]]; label[to[i]] = 1 }
}
