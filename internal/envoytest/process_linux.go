package envoytest

import "syscall"

// processAttributes puts Envoy into a process group of its own, so that a Ctrl-C in the terminal
// reaches only the program that runs it, and has the kernel kill it when that program dies.
func processAttributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
