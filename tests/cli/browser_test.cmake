# SPDX-License-Identifier: Apache-2.0
# Opens pages of the command in a browser, at two widths: nothing lies outside of its place, no text of a chart on
# another one, and the console is empty.
#   cmake -DCOMMAND=lowbit -DBROWSER=chromium -DMODEL=net.onnx -DFOLDER=dir -P browser_test.cmake
file(REMOVE_RECURSE ${FOLDER})
file(MAKE_DIRECTORY ${FOLDER})

function(run_lowbit)
  execute_process(COMMAND ${COMMAND} ${ARGN} WORKING_DIRECTORY ${FOLDER} RESULT_VARIABLE status ERROR_VARIABLE err OUTPUT_QUIET)
  if(NOT status EQUAL 0)
    message(FATAL_ERROR "lowbit ${ARGN}: ${status}\n${err}")
  endif()
endfunction()
run_lowbit(report ${MODEL} --data glyphs --calib 60 --images 150 --scheme int4-a4,int8,int3 --recover fast -o report.html)
run_lowbit(sensitivity ${MODEL} --data glyphs --calib 60 --images 40 --check 100 --bits 8,4,2 --html sensitivity.html)

# Says in the title of the page what is wrong with it.
set(script [==[
<script>
addEventListener('load', () => {
  const bad = [], width = document.documentElement.clientWidth;
  for (const d of document.querySelectorAll('details')) d.open = true;
  if (document.documentElement.scrollWidth > width) bad.push('page: ' + document.documentElement.scrollWidth);
  for (const e of document.body.querySelectorAll('*')) {
    const r = e.getBoundingClientRect();
    if (r.width > 0 && r.right > width + 1 && !e.closest('.skip')) bad.push(e.tagName + '.' + e.className + ' to ' + r.right);
  }
  for (const svg of document.querySelectorAll('svg')) {
    const box = svg.getBoundingClientRect(), seen = [];
    for (const text of svg.querySelectorAll('text')) {
      const r = text.getBoundingClientRect();
      if (r.left < box.left - 1 || r.right > box.right + 1 || r.top < box.top - 1 || r.bottom > box.bottom + 1)
        bad.push('outside: ' + text.textContent);
      for (const [other, o] of seen)
        if (r.left < o.right - 1 && o.left < r.right - 1 && r.top < o.bottom - 3 && o.top < r.bottom - 3)
          bad.push('on each other: ' + other.textContent + ', ' + text.textContent);
      seen.push([text, r]);
    }
  }
  document.title = bad.length ? 'FAULTS ' + bad.slice(0, 8).join('; ') : 'FAULTLESS at ' + width;
});
</script>
</body>]==])

set(browse ${BROWSER} --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking
           --disable-component-update --disable-sync --hide-scrollbars --enable-logging=stderr --user-data-dir=${FOLDER}/browser)
foreach(page report sensitivity)
  file(READ ${FOLDER}/${page}.html text)
  string(REPLACE "</body>" "${script}" text "${text}")
  file(WRITE ${FOLDER}/${page}-checked.html "${text}")
  foreach(width 500 1200)
    execute_process(COMMAND ${browse} --window-size=${width},1000 --dump-dom file://${FOLDER}/${page}-checked.html
                    OUTPUT_VARIABLE dom ERROR_VARIABLE log RESULT_VARIABLE status TIMEOUT 60)
    string(REGEX MATCH "<title>(FAULT[^<]*)" title "${dom}")
    if(NOT status EQUAL 0 OR NOT title MATCHES "FAULTLESS at ${width}")
      message(SEND_ERROR "${page} at ${width}: ${status}, \"${CMAKE_MATCH_1}\"")
    endif()
    if(log MATCHES "CONSOLE[^\n]*")
      message(SEND_ERROR "${page} at ${width}: ${CMAKE_MATCH_0}")
    endif()
    execute_process(COMMAND ${browse} --window-size=${width},4000 --screenshot=${FOLDER}/${page}-${width}.png
                            file://${FOLDER}/${page}.html
                    OUTPUT_QUIET ERROR_QUIET RESULT_VARIABLE status TIMEOUT 60)
    if(NOT status EQUAL 0 OR NOT EXISTS ${FOLDER}/${page}-${width}.png)
      message(SEND_ERROR "${page} at ${width}: no screenshot")
    endif()
  endforeach()
endforeach()
