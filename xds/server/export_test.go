package server

// Held returns how many groups the server keeps a count, and how many a status, of.
func (s *Server) Held() (members, statuses int) {
	s.roster.mu.Lock()
	defer s.roster.mu.Unlock()
	return len(s.roster.members), statusesOf(s.caches)
}

func statusesOf(c caches) (n int) {
	for _, cache := range c {
		n += len(cache.GetStatusKeys())
	}
	return n
}
