// SPDX-License-Identifier: Apache-2.0
// The commands: each adds its options to the program and says what runs when it was chosen.
#pragma once

namespace CLI {
class App;
}

namespace lowbit::cli {

void add_auto_command(CLI::App& program);
void add_calibrate_command(CLI::App& program);
void add_check_command(CLI::App& program);
void add_completion_command(CLI::App& program);
void add_compress_command(CLI::App& program);
void add_convert_command(CLI::App& program);
void add_demo_command(CLI::App& program);
void add_eval_command(CLI::App& program);
void add_export_command(CLI::App& program);
void add_info_command(CLI::App& program);
void add_manual_command(CLI::App& program);
void add_profile_command(CLI::App& program);
void add_prune_command(CLI::App& program);
void add_quantize_command(CLI::App& program);
void add_report_command(CLI::App& program);
void add_run_command(CLI::App& program);
void add_schemes_command(CLI::App& program);
void add_sensitivity_command(CLI::App& program);
void add_train_command(CLI::App& program);

/// All of them, in the order of `lowbit --help`.
inline constexpr void (*kCommands[])(CLI::App& program) = {
    add_demo_command,    add_eval_command,        add_calibrate_command, add_quantize_command,
    add_train_command,   add_prune_command,       add_compress_command,  add_export_command,
    add_convert_command, add_run_command,         add_info_command,      add_check_command,
    add_schemes_command, add_sensitivity_command, add_auto_command,      add_report_command,
    add_profile_command, add_completion_command,  add_manual_command,
};

}  // namespace lowbit::cli
