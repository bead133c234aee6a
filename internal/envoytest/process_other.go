//go:build !linux

package envoytest

import "syscall"

// processAttributes puts Envoy into a process group of its own, so that a Ctrl-C in the terminal
// reaches only the program that runs it.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true}
}
