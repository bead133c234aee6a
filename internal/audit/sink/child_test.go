package sink

func asChild() bool { return false }
