package test

import "syscall"

// diesWithTests has the kernel kill a process when the tests die, however that comes about.
func diesWithTests() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
