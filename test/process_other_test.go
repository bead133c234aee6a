//go:build !linux

package test

import "syscall"

// diesWithTests can promise nothing here: the process ends with its test.
func diesWithTests() *syscall.SysProcAttr { return nil }
