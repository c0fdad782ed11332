// Numbers of carla_server.roads.mesh.Material.
const int MATTE = 0, ASPHALT = 1, PAINT = 2, CONCRETE = 3, PAVING = 4, GRASS = 5, FOLIAGE = 6, FACADE = 7, GLASS = 8;
const int CAR_PAINT = 9, METAL = 10, HEADLAMP = 11, TAIL_LAMP = 12, STREET_LAMP = 13, SIGNAL_LAMP = 14, SKIN = 15;
const int CLOTH = 16, BARK = 17, SIGN_FACE = 18, RUBBER = 19, ROOF = 20;
