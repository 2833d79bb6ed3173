print("prodha")
