//go:build !linux

package disk_test

func holding() bool { return false }
